//! Redis Cluster: two nodes, and groups on both.

use headcount_cluster::conformance;

use super::patience::{patient, until};
use super::reach::{Reached, conforms};
use super::server::{LIMIT, Server};

/// Two nodes, each with half of the slots.
async fn cluster() -> [Server; 2] {
    let node = || Server::on_ports(&["port", "cluster-port"], &["cluster-enabled yes"]);
    let nodes = [node(), node()];
    nodes[0].ask::<()>("CLUSTER ADDSLOTSRANGE 0 8191").await;
    nodes[1].ask::<()>("CLUSTER ADDSLOTSRANGE 8192 16383").await;
    nodes[1].ask::<()>("CLUSTER SET-CONFIG-EPOCH 2").await;
    let meet = format!("CLUSTER MEET 127.0.0.1 {} {}", nodes[0].port(0), nodes[0].port(1));
    nodes[1].ask::<()>(&meet).await;
    for node in &nodes {
        until("a cluster", async || {
            let info: String = node.ask("CLUSTER INFO").await;
            info.contains("cluster_state:ok") && info.contains("cluster_slots_ok:16384")
        })
        .await;
    }
    nodes
}

#[tokio::test]
async fn a_group_is_found_on_the_node_of_a_cluster_that_has_it() {
    let nodes = cluster().await;
    let first = format!("redis://127.0.0.1:{}", nodes[0].port(0));
    let redis = patient(&first).await;
    let client = redis::cluster::ClusterClient::builder([first.as_str()]);
    let client = client.response_timeout(LIMIT).connection_timeout(LIMIT);
    let admin = client.build().expect("an address").get_async_connection().await.expect("it runs");
    let bench = Reached(redis, admin);
    // Either node gets some of so many groups, or a coin fell on one side twenty times.
    for _ in 0..10 {
        conformance::who_waits_for_a_change_is_woken(&bench).await;
        conformance::whoever_lost_its_lease_is_stale_and_the_next_attempt_counts(&bench).await;
    }
    for node in &nodes {
        assert_ne!(node.ask::<u64>("DBSIZE").await, 0, "both have groups");
    }
    conforms(&bench).await;
}

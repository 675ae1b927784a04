module headcount-bench

go 1.25

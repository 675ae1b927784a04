-- renew: prolongs leases, and answers how the group stands, so that a cancellation reaches a worker with its heartbeat.
-- ARGV: member, attempt, nonce, ...
local refused = refusal()
if refused then return refused end
even_when_full()
local answer = { summary() }
for i = 1, #ARGV, 3 do
  local record = read(ARGV[i])
  local ours = record and record.place == 'r' and whole(record.attempt) == ARGV[i + 1] and record.nonce == ARGV[i + 2]
  -- Once the group is over for those who run, they have one lease to answer, and not one after the other.
  -- Changes no place, so that it is not counted (rule 5).
  if ours and h.state == 'open' then redis.call('ZADD', L, whole(now + n('lease_ms')), ARGV[i]) end
  if not ours then answer[#answer + 1] = ARGV[i] end
end
return answer

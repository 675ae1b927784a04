-- reap: takes back what was leased to workers that did not answer in time, and ends what is out of time. Anybody may call
-- it at any time: waiters and workers do, so that there is no special process whose death would matter.
-- ARGV: how many at most
local refused = refusal() or mend()
if refused then return refused end
even_when_full()
local most = tonumber(ARGV[1])
local expired = call('ZRANGEBYSCORE', L, '-inf', whole(now), 'LIMIT', 0, most)
local back, lost = 0, 0
for _, member in ipairs(expired) do
  call('ZREM', L, member)
  local record = read(member)
  if record and record.place == 'r' then
    record.losses = record.losses + 1
    if h.state == 'open' and record.losses < n('losses') then
      -- Whoever had it is a stranger from now on.
      local worker = record.worker
      record.nonce = ''
      write(member, 'q', record)
      call('RPUSH', Q, member)
      event('redelivered', member, whole(record.attempt), worker)
        back = back + 1
    else
      close(member, 'l', record, record.worker)
      lost = lost + 1
    end
  end
end
if back > 0 then wake(back) end
-- Where only so many may run, whoever is ready had to wait for a place.
if lost > 0 and n('limit') > 0 and h.state == 'open' then wake(math.min(lost, call('LLEN', Q))) end
if h.deadline and now >= n('deadline') then turn('expired', 'deadline') end
if not h.sealed and now >= n('owner_until') then
  turn('abandoned', 'whoever registered members has gone without saying how many there are')
end
settle(most)
return { whole(back), whole(lost), summary() }

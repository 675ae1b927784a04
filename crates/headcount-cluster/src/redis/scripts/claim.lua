-- claim: hands out members that are ready, with their next attempt, a nonce and a lease.
-- ARGV: worker, how many at most, nonce in hexadecimal (each member's is this one and its place in the answer)
local refused = refusal() or mend()
if refused then return refused end
even_when_full()
if h.state == 'open' and h.deadline and now >= n('deadline') then
  turn('expired', 'deadline')
  settle()
end
local claims = { summary() }
if h.state ~= 'open' then return claims end

local due = call('ZRANGEBYSCORE', D, '-inf', whole(now), 'LIMIT', 0, CHUNK)
for _, member in ipairs(due) do
  call('ZREM', D, member)
  local record = read(member)
  if record and record.place == 'd' then
    write(member, 'q', record)
    call('RPUSH', Q, member)
  end
end

local room = tonumber(ARGV[2])
if n('limit') > 0 then room = math.min(room, n('limit') - call('ZCARD', L)) end
-- Looked first: an empty list is not to be written to.
local ready = call('LLEN', Q)
while room > 0 and ready > 0 do
  local member = call('LPOP', Q)
  ready = ready - 1
  local record = read(member)
  if record and record.place == 'q' then
    record.attempt = record.attempt + 1
    record.nonce = ARGV[3] .. string.format('%03x', #claims)
    record.since, record.worker = whole(now), ARGV[1]
    write(member, 'r', record)
    call('ZADD', L, whole(now + n('lease_ms')), member)
    event('start', member, whole(record.attempt), ARGV[1])
    claims[#claims + 1] = { member, whole(record.attempt), record.nonce, call('HGET', P, member) or '' }
    room = room - 1
  end
end
if noted then
  save()
  claims[1] = summary()
end
return claims

-- finish: ends a member, if this is the attempt that runs. Asked again it answers the same, and counts nothing.
-- ARGV: member, attempt, nonce, place to go to (o, f, c; b: back to where it came from), body, for f: whether another attempt
-- is wanted (0, 1), for b: how many milliseconds it is to wait there
local refused = refusal()
if refused then return refused end
local member, attempt, nonce, place, body = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local record = read(member)
-- A member that nobody holds has no nonce: no nonce is nobody's.
local held = record and nonce ~= '' and whole(record.attempt) == attempt and record.nonce == nonce
if not held then return { 'stale', '0', summary() } end
-- Who is given back when nobody begins any more has nowhere to go.
local back = place == 'b' and record.place == 'r' and h.state == 'open'
if place == 'b' then place = 'c' end
if record.place ~= 'r' then
  local again = (record.place == 'q' or record.place == 'd') and place == 'f'
  local same = record.place == place or again
  return { same and 'same' or 'stale', '0', summary() }
end
if #body > n('cap') then
  return redis.error_reply('TOOLARGE ' .. h.cap .. ' bytes are kept at most')
end
if back then
  call('ZREM', L, member)
  local wait = tonumber(ARGV[6])
  -- Whoever had it is a stranger from now on, and it was neither a loss nor a failure.
  record.nonce = ''
  record.returns = record.returns + 1
  if wait > 0 then
    write(member, 'd', record)
    call('ZADD', D, whole(now + wait), member)
  else
    write(member, 'q', record)
    call('LPUSH', Q, member)
    wake(1)
  end
  event('returned', member, attempt, record.worker)
  put('rev', n('rev') + 1)
  save()
  return { 'again', whole(wait), summary() }
end
local tried = record.attempt - record.losses - record.returns
if place == 'f' and ARGV[6] == '1' and h.state == 'open' and tried <= n('retries') then
  call('ZREM', L, member)
  local wait = n('backoff_ms')
  if h.backoff == 'exp' then wait = math.min(wait * 2 ^ math.min(tried - 1, 40), n('backoff_most_ms')) end
  write(member, 'd', record)
  call('ZADD', D, whole(now + wait), member)
  event('again', member, attempt, whole(wait))
  put('rev', n('rev') + 1)
  save()
  return { 'again', whole(wait), summary() }
end
-- A result that takes more than what the member was given is refused by a full memory, and is kept by the worker.
if #body <= call('HSTRLEN', P, member) then even_when_full() end
if body ~= '' then call('HSET', R, member, body) end
call('ZREM', L, member)
close(member, place, record)
settle()
return { 'counted', '0', summary() }

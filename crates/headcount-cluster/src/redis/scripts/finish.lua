-- finish: ends members, each if this is the attempt of it that runs. Asked again it answers the same, and counts nothing.
-- ARGV, six for each: member, attempt, nonce, place to go to (o, f, c; b: back to where it came from), body, for f: whether
-- another attempt is wanted (0, 1), for b: how many milliseconds it is to wait there
-- Answers what came of each and how long it is to wait, and the summary.
local refused = refusal() or mend()
if refused then return refused end

-- The member, if it is held by this attempt. One that nobody holds has no nonce: no nonce is nobody's.
local function held(i)
  local record, nonce = read(ARGV[i]), ARGV[i + 2]
  if record and nonce ~= '' and whole(record.attempt) == ARGV[i + 1] and record.nonce == nonce then return record end
end

local function tried(record) return record.attempt - record.losses - record.returns end

local function goes_again(i, record)
  return ARGV[i + 3] == 'f' and ARGV[i + 5] == '1' and h.state == 'open' and tried(record) <= n('retries')
end

-- All or nothing: what is refused is so before the first write.
local takes = false
for i = 1, #ARGV, 6 do
  local body = ARGV[i + 4]
  if #body > n('cap') or (body ~= '' and #body > call('HSTRLEN', P, ARGV[i])) then
    local record = held(i)
    local runs = record and record.place == 'r'
    if runs and #body > n('cap') then return redis.error_reply('TOOLARGE ' .. h.cap .. ' bytes are kept at most') end
    takes = takes or (runs and not goes_again(i, record))
  end
end
-- A result that takes more than what the member was given is refused by a full memory, and is kept by the worker: this write
-- changes nothing, and is refused there.
if takes then call('HSETNX', G, 'schema', SCHEMA) else even_when_full() end

local ends, places = false, 0

local function one(i)
  local member, attempt, place, body = ARGV[i], ARGV[i + 1], ARGV[i + 3], ARGV[i + 4]
  local record = held(i)
  if not record then return 'stale', 0 end
  -- Who is given back when nobody begins any more has nowhere to go.
  local back = place == 'b' and record.place == 'r' and h.state == 'open'
  if place == 'b' then place = 'c' end
  if record.place ~= 'r' then
    local again = (record.place == 'q' or record.place == 'd') and place == 'f'
    return (record.place == place or again) and 'same' or 'stale', 0
  end
  call('ZREM', L, member)
  places = places + 1
  if back then
    local wait = tonumber(ARGV[i + 5])
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
    return 'again', wait
  end
  if goes_again(i, record) then
    local wait = n('backoff_ms')
    if h.backoff == 'exp' then wait = math.min(wait * 2 ^ math.min(tried(record) - 1, 40), n('backoff_most_ms')) end
    write(member, 'd', record)
    call('ZADD', D, whole(now + wait), member)
    event('again', member, attempt, whole(wait))
    return 'again', wait
  end
  if body ~= '' then call('HSET', R, member, body) end
  close(member, place, record)
  -- The next one may find that nobody begins any more.
  decide()
  ends = true
  return 'counted', 0
end

local answer = {}
for i = 1, #ARGV, 6 do
  local said, wait = one(i)
  answer[#answer + 1] = said
  answer[#answer + 1] = whole(wait)
end
if ends then settle() end
-- Where only so many may run, whoever is ready had to wait for this.
if n('limit') > 0 and h.state == 'open' then wake(math.min(places, call('LLEN', Q))) end
save()
answer[#answer + 1] = summary()
return answer

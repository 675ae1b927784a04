-- What every script begins with: the header, the clock, and the steps that more than one of them takes.
--
-- Rules, the same as the book's (book/mod.rs), which the conformance suite holds both to:
-- 1. Where a member stands (M) is the truth; counters in G change only in the script that changes a member.
-- 2. Only the attempt that runs may end a member, known by its number and its nonce.
-- 3. The group ends in the script that ends its last member, and once.
-- 4. Time is the server's. Numbers fit 2^53, and are written whole.
--
-- A member's place in M: q:attempt:losses[:nonce] ready, d:attempt:losses:nonce waits for its time in D,
-- r:attempt:losses:nonce:since:worker runs, and o, f, l, c:attempt:losses:nonce ended (ok, failed, lost, cancelled).
-- Behind the losses stands how often it was given back, if it was: 1+2.

local G, M, P, Q, D, L, R, E, W, T = unpack(KEYS)
local call = redis.call
local SCHEMA = '1'
-- How many members a script cancels at most, beyond what it was called for.
local CHUNK = 500

local clock = call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local h, dirty = {}, {}
local header = call('HGETALL', G)
for i = 1, #header, 2 do h[header[i]] = header[i + 1] end

local function whole(number) return string.format('%.0f', number) end

local function put(field, value)
  if type(value) == 'number' then value = whole(value) end
  if h[field] ~= value then
    h[field] = value
    dirty[field] = value
  end
end

local function n(field) return tonumber(h[field] or '0') end

local function inc(field, by) put(field, n(field) + by) end

local function refusal()
  if not h.schema then return redis.error_reply('VANISHED the engine knows no such group') end
  if h.schema ~= SCHEMA then
    return redis.error_reply('SCHEMA the group is kept in layout ' .. h.schema .. ', and this is layout ' .. SCHEMA)
  end
end

-- A server whose memory is full refuses a script's first write if that may take memory, and lets a script go on that has
-- written. Steps that give memory back, or take none, begin with a write that removes nobody: nobody has an empty name.
local function even_when_full() call('ZREM', L, '') end

local function event(kind, member, attempt, detail)
  call('XADD', E, 'MAXLEN', '~', h.events, '*', 'k', kind, 'm', member or '', 'a', attempt or '', 'd', detail or '')
end

local function save()
  if not next(dirty) then return end
  put('rev', n('rev') + 1)
  local fields = {}
  for field, value in pairs(dirty) do
    fields[#fields + 1] = field
    fields[#fields + 1] = value
  end
  dirty = {}
  call('HSET', G, unpack(fields))
end

local function wake(members)
  local room = 16 - call('LLEN', W)
  for _ = 1, math.min(members, room) do call('RPUSH', W, '1') end
end

local function ended() return n('ok') + n('failed') + n('lost') + n('cancelled') end

-- Whether the policy says that the batch is over, whatever is still to come.
local function over()
  local good, bad, need = n('ok'), n('failed') + n('lost'), n('need')
  local sealed = h.sealed and tonumber(h.sealed)
  if h.policy == 'fail-fast' then return bad > 0 end
  if h.policy == 'first-success' then return good > 0 end
  if h.policy == 'quorum' then return good >= need or (sealed ~= nil and math.max(sealed - bad, 0) < need) end
  if h.policy == 'max-failures' then return bad > need end
  if h.policy == 'max-failures-percent' then return sealed ~= nil and bad * 100 > need * sealed end
  return false
end

-- What the counts come to.
local function outcome()
  local well = n('failed') + n('lost') == 0
  if h.policy == 'first-success' then well = n('ok') > 0 end
  if h.policy == 'quorum' then well = n('ok') >= n('need') end
  return well and 'done' or 'failed'
end

local function turn(toward, reason)
  if h.state ~= 'open' then return end
  put('state', 'cancelling')
  put('toward', toward)
  put('reason', reason)
  event('cancel', '', '', reason)
end

local function read(member)
  local record = call('HGET', M, member)
  if not record then return nil end
  local place, attempt, losses, returns, rest = string.match(record, '^(%a):(%d+):(%d+)%+?(%d*):?(.*)$')
  local nonce, since, worker = rest, '', ''
  if place == 'r' then nonce, since, worker = string.match(rest, '^(%x+):(%d+):(.*)$') end
  return {
    place = place, attempt = tonumber(attempt), losses = tonumber(losses), returns = tonumber(returns) or 0,
    nonce = nonce, since = since, worker = worker,
  }
end

local function write(member, place, record)
  local text = place .. ':' .. whole(record.attempt) .. ':' .. whole(record.losses)
  if record.returns > 0 then text = text .. '+' .. whole(record.returns) end
  if record.nonce ~= '' then text = text .. ':' .. record.nonce end
  if place == 'r' then text = text .. ':' .. record.since .. ':' .. record.worker end
  call('HSET', M, member, text)
end

local COUNTER = { o = 'ok', f = 'failed', l = 'lost', c = 'cancelled' }

-- The one place where a member comes to its end.
local function close(member, place, record, detail)
  write(member, place, record)
  call('HDEL', P, member)
  inc(COUNTER[place], 1)
  if place ~= 'c' then event(COUNTER[place], member, whole(record.attempt), detail) end
  if (place == 'f' or place == 'l') and not h.first_error then put('first_error', member) end
end

-- Cancels who has not begun, a chunk of them.
local function sweep(most)
  for _ = 1, most do
    local member = call('LPOP', Q)
    if not member then break end
    local record = read(member)
    if record and record.place == 'q' then close(member, 'c', record) end
  end
  local waiting = call('ZPOPMIN', D, most)
  for i = 1, #waiting, 2 do
    local record = read(waiting[i])
    if record and record.place == 'd' then close(waiting[i], 'c', record) end
  end
end

-- Draws the conclusions from the counts: the last step of every script that changed them.
local function settle(most)
  if h.state == 'open' and over() then turn(outcome(), 'policy') end
  if h.state == 'cancelling' then sweep(most or CHUNK) end
  local to = nil
  if h.state == 'open' and h.sealed and ended() == n('total') then to = outcome() end
  if h.state == 'cancelling' and ended() == n('total') then to = h.toward end
  if to then
    put('state', to)
    event('terminal', '', '', to)
    -- For those who wait for the end alone: it has one entry, and none before.
    call('XADD', T, '*', 's', to)
    save()
    for _, key in ipairs(KEYS) do call('PEXPIRE', key, h.keep_ms) end
  end
  save()
end

local FIELDS = { 'state', 'toward', 'reason', 'sealed', 'total', 'ok', 'failed', 'lost', 'cancelled', 'rev', 'first_error', 'name', 'policy', 'need', 'lease_ms', 'deadline', 'incarnation' }

local function summary()
  local reply = { whole(now), whole(call('ZCARD', L)), whole(call('ZCARD', D)) }
  for _, field in ipairs(FIELDS) do reply[#reply + 1] = h[field] or '' end
  return reply
end

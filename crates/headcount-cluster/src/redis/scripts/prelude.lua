-- What every script begins with: the header, the clock, and the steps that more than one of them takes.
--
-- Rules, the same as the book's (book/mod.rs), which the conformance suite holds both to:
-- 1. Where a member stands (M) is the truth; counters in G change only in the script that changes a member.
-- 2. Only the attempt that runs may end a member, known by its number and its nonce.
-- 3. The group ends in the script that ends its last member, and once.
-- 4. Time is the server's. Numbers fit 2^53, and are written whole.
-- 5. A script that changes where members stand counts itself twice: first by adding one (tx), and last by writing down what that
--    came to (txs). A server that has begun with a file torn by a crash may, when it begins once more, carry out a part of a script,
--    or all of it, that it had forgotten in between (valkey-io/valkey#4342; so does Redis 7.0). Then the two differ, and whichever
--    script is next mends the rest by rule 1.
--
-- A member's place in M: q:attempt:losses[:nonce] ready, d:attempt:losses:nonce waits for its time in D,
-- r:attempt:losses:nonce:since:worker runs, and o, f, l, c:attempt:losses:nonce ended (ok, failed, lost, cancelled).
-- Behind the losses stands how often it was given back, if it was: 1+2.

local G, M, P, Q, D, L, R, E, W, T = unpack(KEYS)
local SCHEMA = '1'
-- How many members a script cancels at most, beyond what it was called for.
local CHUNK = 500

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local h, dirty = {}, {}
local header = redis.call('HGETALL', G)
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

local noted = false

-- Rule 5, the first half; the other is done by the next save.
local function note()
  if noted then return end
  noted = true
  h.tx = whole(redis.call('HINCRBY', G, 'tx', 1))
  put('txs', h.tx)
end

local CHANGES = {
  HSET = true, HSETNX = true, HDEL = true, LPOP = true, LPUSH = true, RPUSH = true, ZADD = true, ZREM = true, ZPOPMIN = true,
  XADD = true, XDEL = true, DEL = true,
}

local function call(command, ...)
  if CHANGES[command] then note() end
  return redis.call(command, ...)
end

local function refusal()
  if not h.schema then return redis.error_reply('VANISHED the engine knows no such group') end
  if h.schema ~= SCHEMA then
    return redis.error_reply('SCHEMA the group is kept in layout ' .. h.schema .. ', and this is layout ' .. SCHEMA)
  end
end

-- A server whose memory is full refuses a script's first write if that may take memory, and lets a script go on that has
-- written. Steps that give memory back, or take none, begin with a write that removes nobody: nobody has an empty name.
local function even_when_full() redis.call('ZREM', L, '') end

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
  redis.call('HSET', G, unpack(fields))
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
  inc(COUNTER[place], 1)
  if place ~= 'c' then event(COUNTER[place], member, whole(record.attempt), detail) end
  -- Last: whose payload is gone has an event of its end.
  call('HDEL', P, member)
  if (place == 'f' or place == 'l') and not h.first_error then put('first_error', member) end
end

-- Cancels who has not begun, a chunk of them.
local function sweep(most)
  -- Looked first: an empty list is not to be written to.
  for _ = 1, math.min(most, call('LLEN', Q)) do
    local member = call('LPOP', Q)
    local record = read(member)
    if record and record.place == 'q' then close(member, 'c', record) end
  end
  local waiting = call('ZCARD', D) > 0 and call('ZPOPMIN', D, most) or {}
  for i = 1, #waiting, 2 do
    local record = read(waiting[i])
    if record and record.place == 'd' then close(waiting[i], 'c', record) end
  end
end

-- Whether the counts decide how the group ends.
local function decide()
  if h.state == 'open' and over() then turn(outcome(), 'policy') end
end

-- Draws the conclusions from the counts: the last step of every script that changed them.
local function settle(most)
  decide()
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

-- Which of these members have ended by a step that the server had forgotten: the event of their end is there, and the payload is
-- not. And the events of the group's own end, and why it was cancelled, if it was.
local function forgotten(members)
  local kinds, ends, last, why, below = {}, {}, {}, nil, '+'
  for place, kind in pairs(COUNTER) do kinds[kind] = place end
  for _, member in ipairs(members) do ends[member] = call('HEXISTS', P, member) == 0 and '' or nil end
  repeat
    local page = call('XREVRANGE', E, below, '-', 'COUNT', 1000)
    for _, entry in ipairs(page) do
      local id, kind, member = entry[1], entry[2][2], entry[2][4]
      if kinds[kind] and ends[member] == '' then ends[member] = kinds[kind] end
      if kind == 'terminal' then last[#last + 1] = id end
      if kind == 'cancel' then why = why or entry[2][8] end
      below = '(' .. id
    end
  until #page == 0
  return ends, last, why
end

local function number(member) return tonumber(string.match(member, '^%d+')) or 2 ^ 53 end

local function in_order(a, b)
  local first, second = number(a), number(b)
  if first ~= second then return first < second end
  return a < b
end

-- Makes a sorted set of these members anew; one that it did not know is put at `otherwise`.
local function sort_anew(key, members, otherwise)
  local times = {}
  for _, member in ipairs(members) do times[member] = call('ZSCORE', key, member) or whole(otherwise) end
  call('DEL', key)
  for _, member in ipairs(members) do call('ZADD', key, times[member], member) end
end

-- Rule 5: after a script that was carried out in part, everything that follows from where the members stand is made anew. Reads all
-- members, once.
local function mend()
  if h.tx == h.txs then return end
  even_when_full()
  note()
  local all = call('HGETALL', M)
  local open = {}
  for i = 1, #all, 2 do
    if not COUNTER[string.sub(all[i + 1], 1, 1)] then open[#open + 1] = all[i] end
  end
  local ends, last, why = forgotten(open)
  for member, place in pairs(ends) do
    if place ~= '' then write(member, place, read(member)) end
  end

  local counts, stand, first = { o = 0, f = 0, l = 0, c = 0 }, { q = {}, d = {}, r = {} }, nil
  for i = 1, #all, 2 do
    local member = all[i]
    local place = read(member).place
    if stand[place] then table.insert(stand[place], member) else counts[place] = counts[place] + 1 end
    if (place == 'f' or place == 'l') and (not first or in_order(member, first)) then first = member end
  end
  for place, field in pairs(COUNTER) do put(field, counts[place]) end
  put('total', #all / 2)
  if first and not h.first_error then put('first_error', first) end
  table.sort(stand.q, in_order)
  call('DEL', Q)
  for _, member in ipairs(stand.q) do call('RPUSH', Q, member) end
  sort_anew(D, stand.d, now)
  sort_anew(L, stand.r, now + n('lease_ms'))

  if ended() < n('total') or h.state == 'open' or h.state == 'cancelling' then
    -- Its end, if there was one, was among what had been forgotten, and comes again.
    if h.state ~= 'open' then put('state', h.toward and 'cancelling' or 'open') end
    for _, id in ipairs(last) do call('XDEL', E, id) end
    call('DEL', T)
    for _, key in ipairs(KEYS) do redis.call('PERSIST', key) end
  end
  decide()
  -- Somebody had cancelled it, and some are: so it is for all.
  if counts.c > 0 and why then turn('cancelled', why) end
  if h.sealed and h.sealed ~= h.total then
    turn('abandoned', 'the engine lost members: ' .. h.sealed .. ' were registered, and it knows ' .. h.total)
  end
  event('mended')
  wake(#stand.q)
  settle()
end

local FIELDS = { 'state', 'toward', 'reason', 'sealed', 'total', 'ok', 'failed', 'lost', 'cancelled', 'rev', 'first_error', 'name', 'policy', 'need', 'lease_ms', 'deadline', 'incarnation' }

local function summary()
  local reply = { whole(now), whole(call('ZCARD', L)), whole(call('ZCARD', D)) }
  for _, field in ipairs(FIELDS) do reply[#reply + 1] = h[field] or '' end
  return reply
end

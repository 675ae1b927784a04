-- add: registers members. Who is there already is left alone and reported; nobody comes in once the total is sealed
-- or the group is not open.
-- ARGV: member, payload, ...
local refused = refusal() or mend()
if refused then return refused end
for i = 2, #ARGV, 2 do
  if #ARGV[i] > n('cap') then return redis.error_reply('TOOLARGE ' .. h.cap .. ' bytes are kept at most') end
end
if h.state ~= 'open' then return { 'over', summary() } end
put('owner_until', now + n('owner_ms'))
local fresh, known = {}, { 'added', '' }
for i = 1, #ARGV, 2 do
  local member, payload = ARGV[i], ARGV[i + 1]
  local new = not h.sealed and call('HSETNX', M, member, 'q:0:0') == 1
  if new then
    if payload ~= '' then call('HSET', P, member, payload) end
    fresh[#fresh + 1] = member
  elseif h.sealed and call('HEXISTS', M, member) == 0 then
    -- The members before it were there, or we would not have come so far: nothing was changed.
    return { 'sealed', summary() }
  else
    known[#known + 1] = member
  end
end
if #fresh > 0 then
  call('RPUSH', Q, unpack(fresh))
  inc('total', #fresh)
  event('add', '', '', whole(#fresh))
  wake(#fresh)
end
save()
known[2] = summary()
return known

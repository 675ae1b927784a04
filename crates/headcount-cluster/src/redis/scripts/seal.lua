-- seal: says how many members there are. A registration that was lost shows up here, and not as a wait without end.
-- ARGV: expected total
local refused = refusal() or mend()
if refused then return refused end
if h.sealed then
  if h.sealed ~= ARGV[1] then return { 'mismatch', summary() } end
  return { 'sealed', summary() }
end
if h.state == 'open' then
  if h.total ~= ARGV[1] then return { 'mismatch', summary() } end
  even_when_full()
  put('sealed', ARGV[1])
  event('seal', '', '', ARGV[1])
  settle()
end
return { h.sealed and 'sealed' or 'over', summary() }

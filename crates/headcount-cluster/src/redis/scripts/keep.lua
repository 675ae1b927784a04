-- keep: whoever registers members is still there.
local refused = refusal()
if refused then return refused end
if not h.sealed and h.state == 'open' then
  even_when_full()
  put('owner_until', now + n('owner_ms'))
  save()
end
return summary()

-- open: creates the group, or finds it there (so that it may be asked again when the answer was lost).
-- ARGV: field, value, ... of the header; deadline_in_ms and owner_ms are turned into times.
if h.schema then return refusal() or summary() end
put('schema', SCHEMA)
put('state', 'open')
for i = 1, #ARGV, 2 do put(ARGV[i], ARGV[i + 1]) end
if h.deadline_in_ms then put('deadline', now + n('deadline_in_ms')) end
put('owner_until', now + n('owner_ms'))
put('created', now)
for _, field in ipairs({ 'total', 'ok', 'failed', 'lost', 'cancelled' }) do put(field, 0) end
event('open')
save()
return summary()

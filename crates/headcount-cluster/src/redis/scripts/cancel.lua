-- cancel: nobody begins any more, and whoever runs hears of it with the next heartbeat.
-- ARGV: reason
local refused = refusal() or mend()
if refused then return refused end
even_when_full()
turn('cancelled', ARGV[1])
settle()
return summary()

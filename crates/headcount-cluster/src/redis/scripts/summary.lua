-- summary: how the group stands. Changes nothing.
return refusal() or summary()

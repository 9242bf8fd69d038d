-- Removes delivered messages; those that are gone already are passed over.
--
-- KEYS    [1] the outbox of a partition, [2] its index of messages by lead
-- ARGV    places of messages in the outbox
-- Returns how many there were
--
-- Atomic for each message.

local removed = 0
for _, id in ipairs(ARGV) do
    local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
    if entry then
        -- Written by commit.lua as: 'n', the lead's name, 'm', the message.
        redis.call('ZREM', KEYS[2], entry[2][2] .. '\0' .. id)
        redis.call('XDEL', KEYS[1], id)
        removed = removed + 1
    end
end
return removed

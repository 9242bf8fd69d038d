-- Erases leads with their index entries and messages, and leaves tombstones.
--
-- KEYS    for each lead, in turn:
--           the lead, its site's heat index, and of its partition: the wake index, the tombstones, the outbox, the index of
--           messages by lead
-- ARGV    for each lead, in turn: its name (visitor, then site), the digest of its tombstone
-- Returns how many leads there were
--
-- Atomic for each lead. The tombstone, which alone can fail for want of memory, comes first. Every key of one call lies in
-- one slot.

local found = 0
for number = 0, #ARGV / 2 - 1 do
    local key = 6 * number
    local name, digest = ARGV[2 * number + 1], ARGV[2 * number + 2]
    redis.call('ZADD', KEYS[key + 4], 0, digest)
    found = found + redis.call('DEL', KEYS[key + 1])
    redis.call('ZREM', KEYS[key + 2], string.sub(name, 1, 16))
    redis.call('ZREM', KEYS[key + 3], name)
    -- Entries of a lead are its name, a zero, and the place of a message; no name holds a byte of one.
    local outbox, of_lead = KEYS[key + 5], KEYS[key + 6]
    for _, entry in ipairs(redis.call('ZRANGEBYLEX', of_lead, '[' .. name .. '\0', '(' .. name .. '\1')) do
        redis.call('XDEL', outbox, string.sub(entry, #name + 2))
        redis.call('ZREM', of_lead, entry)
    end
end
return found

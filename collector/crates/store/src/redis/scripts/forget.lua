-- Takes leads that have gone by themselves out of the indexes.
--
-- KEYS    for each lead, in turn: the lead, its site's heat index, the wake index of its partition
-- ARGV    for each lead: its name (visitor, then site)
-- Returns how many were taken out
--
-- Atomic for each lead: one that has come anew meanwhile keeps its entries. Every key of one call lies in one slot.

local forgotten = 0
for number, name in ipairs(ARGV) do
    local key = 3 * (number - 1)
    if redis.call('EXISTS', KEYS[key + 1]) == 0 then
        redis.call('ZREM', KEYS[key + 2], string.sub(name, 1, 16))
        redis.call('ZREM', KEYS[key + 3], name)
        forgotten = forgotten + 1
    end
end
return forgotten

-- Writes a document if it has the version expected.
--
-- KEYS    [1] the document
-- ARGV    [1] the version expected (8 bytes; zeros: there is none), [2] its new value (version, then the caller's bytes)
-- Returns the version it has now: the new one, or, when nothing was written, the one that was not expected
--
-- Atomic. Documents are never removed, so a version that was read stays below every later one.

local head = redis.call('GETRANGE', KEYS[1], 0, 7)
local current = head == '' and string.rep('\0', 8) or head
if current ~= ARGV[1] then return current end
redis.call('SET', KEYS[1], ARGV[2])
return string.sub(ARGV[2], 1, 8)

-- Orders nodes to end sessions of a user.
-- ARGV  1 user   2 connection, or nothing for any   3 device   4 `any` device, or `this` one
--       5 what the order says behind the connection
-- Answers the connections.
local since, lines = read(ARGV[1])
local told = {}
for _, line in ipairs(lines or {}) do
  local connection, device = connection_of(line), string.match(line, '^%S+ %d+ %d+ %S+ (.*)$') or ''
  if (ARGV[2] == '' or ARGV[2] == connection) and (ARGV[4] == 'any' or ARGV[3] == device) then
    order(node_of(connection), 'order disconnect ' .. connection .. '\n' .. ARGV[5])
    told[#told + 1] = connection
  end
end
return told

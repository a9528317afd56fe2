-- Sends commands to disconnect sessions of a user.
-- ARGV  1 user   2 connection, or empty for all   3 device   4 `any` device, or `this` one
--       5 the reason
-- Returns the connections.
local since, lines = read(ARGV[1])
local connections = {}
for _, line in ipairs(lines or {}) do
  local connection, device = connection_of(line), string.match(line, '^%S+ %d+ %d+ %S+ (.*)$') or ''
  if (ARGV[2] == '' or ARGV[2] == connection) and (ARGV[4] == 'any' or ARGV[3] == device) then
    send_command(node_of(connection), 'order disconnect ' .. connection .. '\n' .. ARGV[5])
    connections[#connections + 1] = connection
  end
end
return connections

def missing_tickets(tickets)
  smallest, largest = tickets.minmax
  (smallest..largest).to_a - tickets
end

missing = missing_tickets(gets.split.map(&:to_i))
puts missing.empty? ? "complete" : missing

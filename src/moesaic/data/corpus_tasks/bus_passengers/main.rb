def bus_passengers(seats, stops)
  left_behind = 0
  stops.reduce(0) do |passengers, (off, waiting)|
    wanted = passengers - off + waiting
    left_behind += [wanted - seats, 0].max
    puts [wanted, seats].min
    [wanted, seats].min
  end
  left_behind
end

seats = gets.to_i
stops = $stdin.readlines.map { |line| line.split.map(&:to_i) }
puts bus_passengers(seats, stops)

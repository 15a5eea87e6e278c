def next_departure(intervals)
  hours, minutes = (8 * 60 + intervals.reduce(:lcm)).divmod(60)
  format("%02d:%02d", hours % 24, minutes)
end

intervals = gets.split.map(&:to_i)
puts next_departure(intervals)

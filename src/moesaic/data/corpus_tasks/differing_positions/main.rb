def differing_positions(first, second)
  length = [first.size, second.size].max
  (1..length).reject { |position| first[position - 1] == second[position - 1] }
end

positions = differing_positions(gets.chomp, gets.chomp)
puts positions.any? ? positions.join(" ") : "same"

def first_and_last_position(numbers, target)
  first = numbers.bsearch_index { |number| number >= target }
  return nil if first.nil? || numbers[first] != target

  last = numbers.bsearch_index { |number| number > target } || numbers.size
  [first + 1, last]
end

target = gets.to_i
positions = first_and_last_position(gets.split.map(&:to_i), target)
puts positions ? positions.join(" ") : "absent"

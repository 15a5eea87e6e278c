def interleave_lists(first, second)
  return second if first.empty?

  [first.first] + interleave_lists(second, first.drop(1))
end

first = gets.split
second = gets.split
puts interleave_lists(first, second).join(" ")

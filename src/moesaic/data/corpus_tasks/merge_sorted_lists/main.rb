def merge_sorted_lists(first, second)
  merged = []
  until first.empty? || second.empty?
    merged << (first[0] <= second[0] ? first.shift : second.shift)
  end
  merged + first + second
end

first = gets.split.map(&:to_i)
second = gets.split.map(&:to_i)
puts merge_sorted_lists(first, second)

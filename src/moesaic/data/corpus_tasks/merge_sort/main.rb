def merge(left, right)
  return left + right if left.empty? || right.empty?

  smaller = left.first <= right.first ? left : right
  [smaller.shift] + merge(left, right)
end

def merge_sort(numbers)
  return numbers if numbers.one?

  middle = numbers.size / 2
  merge(merge_sort(numbers.take(middle)), merge_sort(numbers.drop(middle)))
end

puts merge_sort(gets.split.map(&:to_i)).join(" ")

def overlap_area(first, second)
  left, lower = first.take(2).zip(second.take(2)).map(&:max)
  right, upper = first.drop(2).zip(second.drop(2)).map(&:min)
  width = right - left
  height = upper - lower
  width.positive? && height.positive? ? width * height : 0
end

first = gets.split.map(&:to_i)
second = gets.split.map(&:to_i)
puts overlap_area(first, second)

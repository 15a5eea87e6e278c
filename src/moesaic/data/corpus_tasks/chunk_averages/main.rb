def chunk_averages(numbers, size)
  numbers.each_slice(size).map { |group| group.sum.fdiv(group.size) }
end

size = gets.to_i
numbers = gets.split.map(&:to_i)
chunk_averages(numbers, size).each { |average| puts format("%.2f", average) }

def diagonal_difference(matrix)
  main = matrix.each_with_index.sum { |row, i| row[i] }
  other = matrix.each_with_index.sum { |row, i| row[-1 - i] }
  (main - other).abs
end

size = gets.to_i
matrix = Array.new(size) { gets.split.map(&:to_i) }
puts diagonal_difference(matrix)

def row_sums(matrix)
  matrix.map(&:sum)
end

rows, = gets.split.map(&:to_i)
matrix = Array.new(rows) { gets.split.map(&:to_i) }
puts row_sums(matrix)

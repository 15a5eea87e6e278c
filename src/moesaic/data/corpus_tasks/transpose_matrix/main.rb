def transpose_matrix(matrix)
  matrix.transpose
end

rows, = gets.split.map(&:to_i)
matrix = Array.new(rows) { gets.split.map(&:to_i) }
transpose_matrix(matrix).each { |row| puts row.join(" ") }

def rotate_matrix(matrix)
  matrix.reverse.transpose
end

rows = gets.to_i
matrix = Array.new(rows) { gets.split }
rotate_matrix(matrix).each { |row| puts row.join(" ") }

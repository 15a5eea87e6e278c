def border_sum(matrix)
  inner = matrix[1...-1].to_a.sum { |row| row[1...-1].to_a.sum }
  matrix.flatten.sum - inner
end

rows, = gets.split.map(&:to_i)
matrix = Array.new(rows) { gets.split.map(&:to_i) }
puts border_sum(matrix)

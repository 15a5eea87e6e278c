def matrix_product(first, second)
  columns = second.transpose
  first.map do |row|
    columns.map { |column| row.zip(column).sum { |a, b| a * b } }
  end
end

size = gets.to_i
first, second = Array.new(2 * size) { gets.split.map(&:to_i) }.each_slice(size).to_a
matrix_product(first, second).each { |row| puts row.join(" ") }

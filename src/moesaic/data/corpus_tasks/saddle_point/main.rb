def saddle_point(matrix)
  columns = matrix.transpose
  matrix.each_with_index do |row, i|
    j = row.index.with_index { |number, k| number == row.min && number == columns[k].max }
    return [i + 1, j + 1] if j
  end
  nil
end

rows, = gets.split.map(&:to_i)
matrix = Array.new(rows) { gets.split.map(&:to_i) }
puts saddle_point(matrix)&.join(" ") || "none"

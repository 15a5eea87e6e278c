def is_magic_square(square)
  diagonal = square.each_with_index.map { |row, i| row[i] }
  other = square.each_with_index.map { |row, i| row[-1 - i] }
  lines = square + square.transpose + [diagonal, other]
  lines.map(&:sum).uniq.one?
end

size = gets.to_i
square = Array.new(size) { gets.split.map(&:to_i) }
puts is_magic_square(square) ? "yes" : "no"

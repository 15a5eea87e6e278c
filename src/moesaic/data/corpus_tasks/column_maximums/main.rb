def column_maximums(matrix)
  matrix.transpose.map(&:max)
end

gets
matrix = $stdin.each_line.map { |line| line.split.map(&:to_i) }
puts column_maximums(matrix).join(" ")

def search_in_matrix(matrix, target)
  row = 0
  column = matrix[0].size - 1
  while row < matrix.size && column >= 0
    return [row + 1, column + 1] if matrix[row][column] == target

    matrix[row][column] > target ? column -= 1 : row += 1
  end
end

target = gets.to_i
gets
matrix = $stdin.readlines.map { |line| line.split.map(&:to_i) }
place = search_in_matrix(matrix, target)
puts place ? place.join(" ") : "absent"

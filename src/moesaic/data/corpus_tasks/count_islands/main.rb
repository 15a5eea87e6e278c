def visit(map, row, column)
  return if row.negative? || column.negative? || map.dig(row, column) != "#"

  map[row][column] = "."
  visit(map, row - 1, column)
  visit(map, row + 1, column)
  visit(map, row, column - 1)
  visit(map, row, column + 1)
end

def count_islands(map)
  islands = 0
  map.each_with_index do |cells, row|
    cells.each_index do |column|
      next if map[row][column] == "."

      islands += 1
      visit(map, row, column)
    end
  end
  islands
end

map = $stdin.map { |line| line.chomp.chars }
puts count_islands(map)

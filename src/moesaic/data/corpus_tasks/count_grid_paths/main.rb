def count_grid_paths(grid)
  paths = Array.new(grid.first.length, 0)
  paths[0] = 1
  grid.each do |row|
    row.each_char.with_index do |cell, column|
      if cell == "#"
        paths[column] = 0
      elsif column.positive?
        paths[column] += paths[column - 1]
      end
    end
  end
  paths.last
end

grid = $stdin.readlines(chomp: true)
puts count_grid_paths(grid)

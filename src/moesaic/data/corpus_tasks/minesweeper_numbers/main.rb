def minesweeper_numbers(field)
  steps = [-1, 0, 1].product([-1, 0, 1])
  field.each_with_index.map do |row, i|
    row.chars.each_with_index.map do |square, j|
      next square if square == "*"

      steps.count do |di, dj|
        (0...field.size).cover?(i + di) && j + dj >= 0 && field[i + di][j + dj] == "*"
      end
    end.join
  end
end

rows = gets.to_i
puts minesweeper_numbers(Array.new(rows) { gets.chomp })

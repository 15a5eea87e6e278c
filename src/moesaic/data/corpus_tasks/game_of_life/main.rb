OFFSETS = [-1, 0, 1].product([-1, 0, 1]) - [[0, 0]]

def game_of_life(board)
  padded = [".", *board, "."].map { |row| ".#{row}.".ljust(board[0].size + 2, ".") }
  board.each_with_index.map do |row, i|
    row.each_char.with_index.map do |cell, j|
      neighbors = OFFSETS.count { |di, dj| padded[i + 1 + di][j + 1 + dj] == "#" }
      neighbors == 3 || (neighbors == 2 && cell == "#") ? "#" : "."
    end.join
  end
end

rows = gets.to_i
board = Array.new(rows) { gets.chomp }
puts game_of_life(board)

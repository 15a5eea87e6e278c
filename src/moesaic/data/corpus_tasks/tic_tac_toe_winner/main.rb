def tic_tac_toe_winner(rows)
  lines = rows + rows.transpose
  lines << [0, 1, 2].map { |i| rows[i][i] }
  lines << [0, 1, 2].map { |i| rows[i][2 - i] }
  winner = %w[X O].find { |player| lines.include?([player] * 3) }
  winner || (rows.flatten.include?(".") ? "open" : "draw")
end

rows = Array.new(3) { gets.chomp.chars }
puts tic_tac_toe_winner(rows)

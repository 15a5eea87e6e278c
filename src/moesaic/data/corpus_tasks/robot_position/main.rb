def robot_position(moves)
  x = moves.count("R") - moves.count("L")
  y = moves.count("U") - moves.count("D")
  [x, y]
end

moves = gets.chomp
puts robot_position(moves).join(" ")

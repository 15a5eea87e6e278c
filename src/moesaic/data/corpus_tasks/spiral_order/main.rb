def spiral_order(matrix)
  order = []
  until matrix.empty?
    order.concat(matrix.shift)
    matrix = matrix.transpose.reverse
  end
  order
end

gets
matrix = $stdin.readlines.map(&:split)
puts spiral_order(matrix).join(" ")

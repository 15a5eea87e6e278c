def gray_code(bits)
  (0...1 << bits).map { |index| index ^ (index >> 1) }
end

bits = gets.to_i
gray_code(bits).each { |value| puts format("%0#{bits}b", value) }

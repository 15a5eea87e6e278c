def xor_cipher(text, key)
  text.bytes.zip(key.bytes.cycle).map { |code, other| format("%02x", code ^ other) }.join
end

key = gets.chomp
text = gets.chomp
puts xor_cipher(text, key)

def caesar_cipher(text, key)
  text.gsub(/[a-z]/) { |letter| ((letter.ord - "a".ord + key) % 26 + "a".ord).chr }
end

key = gets.to_i
text = gets.chomp
puts caesar_cipher(text, key)

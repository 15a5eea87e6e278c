def is_palindrome(text)
  text = text.downcase
  text == text.reverse
end

text = gets.chomp
puts is_palindrome(text) ? "yes" : "no"

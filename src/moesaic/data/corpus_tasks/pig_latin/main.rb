def pig_latin(word)
  return "#{word}way" if word.match?(/\A[aeiou]/)

  head, tail = word.match(/\A([^aeiou]*)(.*)\z/).captures
  "#{tail}#{head}ay"
end

puts gets.split.map { |word| pig_latin(word) }.join(" ")

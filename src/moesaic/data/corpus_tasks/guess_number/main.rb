def guess_number(possible, secret)
  guess = (possible.min + possible.max) / 2
  case guess <=> secret
  when 0 then [guess]
  when -1 then [guess, *guess_number(guess + 1..possible.max, secret)]
  else [guess, *guess_number(possible.min..guess - 1, secret)]
  end
end

limit, secret = gets.split.map(&:to_i)
puts guess_number(1..limit, secret).join(" ")

<?php

declare(strict_types=1);

function guessNumber(int $limit, int $secret): array
{
    $low = 1;
    $high = $limit;
    $guesses = [];
    do {
        $guess = intdiv($low + $high, 2);
        $guesses[] = $guess;
        if ($guess < $secret) {
            $low = $guess + 1;
        } else {
            $high = $guess - 1;
        }
    } while ($guess !== $secret);
    return $guesses;
}

[$limit, $secret] = fscanf(STDIN, '%d %d');
echo implode(' ', guessNumber($limit, $secret)), PHP_EOL;

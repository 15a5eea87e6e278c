<?php

declare(strict_types=1);

function hideCardNumber(string $number): string
{
    $digits = 0;
    for ($i = strlen($number) - 1; $i >= 0; $i--) {
        if (is_numeric($number[$i]) && ++$digits > 4) {
            $number[$i] = '*';
        }
    }
    return $number;
}

$number = trim(fgets(STDIN));
echo hideCardNumber($number), PHP_EOL;

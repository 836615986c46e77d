import { characterClass } from './character-class.ts';

/*
 * Character classes of Unicode 14.0, which the reference's interpreter has: Node's own tables are newer, and a letter
 * that they have added since would give another column name or key. Each range is the distance from the end of the one
 * before and, after a plus sign, its length less one, in base 36.
 */

/** General categories L* and N*. */
export const isAlphanumeric = characterClass(
  '1c+9 8+p 7+p 1c 8+1 2 4+1 2+2 2+m 2+u 2+cp 5+b f+4 8 2 3m+4 2+1 3+3 2 7 2+2 2 2+j 2+2a 2+3u 9+4l 2+11 3 7+14 ' +
    '20+q 5+3 1a+16 m+9 5+1 2+2q 2 g+1 8+e 3 h 2+t u+2g c f+16 a+1 5 6+l 5 a 4 o+o 8+a 6+n 2+5 i+15 1n+1h 4 j 8+9 ' +
    '5+9 2+f 5+7 3+1 3+l 2+6 2 4+3 4 h e+1 2+2 5+b 3+5 3 9+5 5+1 3+l 2+6 2+1 2+1 2+1 w+3 2 8+9 3+2 h+8 2+2 2+l ' +
    '2+6 2+1 2+4 4 j g+1 5+9 a c+7 3+1 3+l 2+6 2+1 2+4 4 v+1 2+2 5+9 2+6 c 2+5 4+2 2+3 4+1 2 2+1 4+1 4+2 4+b n ' +
    'm+c j+7 2+2 2+m 2+f 4 r+2 3 3+1 5+9 9+6 2 5+7 2+2 2+m 2+9 2+4 4 w+1 2+1 5+9 2+1 i+8 2+2 2+14 3 h 6+2 2+9 5+i ' +
    '2+5 6+h 4+n 2+8 2 3+6 w+9 i+1b 2+1 d+6 a+9 14+1 2 2+4 2+n 2 2+9 2+1 a 3+4 2 a+9 3+3 x w+j d+7 2+z s+4 38+16 ' +
    'l+a 7+5 5+3 4 4+1 8+2 5+c d 2+9 7+11 2 6 3+16 2+98 2+3 3+6 2 2+3 3+14 2+3 3+w 2+3 3+6 2 2+3 3+e 2+1k 2+3 ' +
    '3+1u f+j 4+f h+2d 3+5 4+h7 3+g 2+p 6+22 4+a 8+h e+i f+h f+c 2+2 g+1f 10 5 4+9 7+9 n+9 7+2g 8+4 3+x 2 6+1x ' +
    'b+u 14+13 3+4 c+17 5+p 7+a 12+m a+1g 18+9 7+9 e 2m+1a i+7 4+9 16+t e+1j r+z t+9 4+1c 3+8 8+16 3+2 16+3 2+5 ' +
    '2+1 4 6+5b 1t+7p 3+5 3+11 3+5 3+7 2 2 2 2+u 3+1g 2+6 2 4+2 2+6 4+3 3+5 5+c 6+2 2+6 38+1 3+5 6+a 7+c 2u 5 3+9 ' +
    '2 4+4 7 2 2 2+3 2+a 3+3 6+4 5 2+1l k7+1n 27+l hj+t vh+6c 7+3 4+1 a 3+11 2 6 3+1j 8 h+m a+6 2+6 2+6 2+6 2+6 ' +
    '2+6 2+6 2+6 29 d2+2 q+8 8+4 3+4 5+2d 7+2 2+2h 2+3 6+16 2+2l 4+3 b+v 1d+f x+9 v+7 2+e x+9 14+e 8x+533 1t+h3g ' +
    '1w+19 3+7g 4+r l+1a h+u 3+27 14+8 3+2u 3+1r 6+1 2 2+4 p+f 2+2 2+3 2+m e+5 b+1f f+1d t+9 p+5 4 2+1 2+11 b+m ' +
    'q+s 8+1a t+a 7+4 2+o 2+14 o+2 2+7 5+9 7+m 4 4+1d 2 4+1 3+4 3 2 p+2 3+a 8+2 d+5 3+5 3+5 a+6 2+6 2+16 2+d 7+36 ' +
    'e+9 7+8mb d+m 5+1c 6it+a5 3+2x 13+6 d+4 6 2+9 2+c 2+4 2 2+1 2+1 2+2z y+a2 j+1r 3+1h 15+b 39+4 2+3q k+9 8+p ' +
    '7+p c+2g 4+5 3+5 3+5 3+2 10+b 2+p 2+i 2+1 2+e 3+d z+3e d+18 d+1k i+1 6t+s 4+1c h+q 5+z a+t 6+11 b+t 3+z 5+7 ' +
    '2+4 17+4d 3+9 7+z 5+z 5+13 9+1f d+a 2+e 2+6 2+1 2+a 2+e 2+6 2+1 1w+8m a+l b+7 p+5 2+15 2+8 1y+5 3 2+17 2+1 4 ' +
    '3+m 3+u 3+11 9+8 1d+i 2+1 6+w 5+p 1z+1j 5+j 3+1a g+3 2+2 2+s b+8 o+u 2+v x+7 2+r 7+4 h+1h b+l 3+q 6+p o+6 ' +
    '29+20 1k+1e e+1e 8+15 d+9 87+u 2+15 7+1 27+13 9+l c+3 s+h 1b+r l+m d+1g r+t 2+1 3 e+18 x+o 8+9 a+z g+9 5 3 ' +
    '9+y 4 d+1b f+3 c+a 2 5+j c+h 2+o 2d+6 2 2+3 2+e 2+9 8+1a i+9 c+7 3+1 3+l 2+6 2+1 2+4 4 j d+4 4f+1g j+3 6+9 ' +
    '6+2 v+1b l+1 2 9+9 4n+1a 16+3 11+1b l c+9 13+16 e 8+9 1j+q m+b 5+6 56+17 39+2a d+7 3 3+7 2+1 2+n g 2 f+9 ' +
    '1z+7 3+12 h 2 t b+13 8 m c+19 k j+20 7c+8 2+10 i g+s 6+t 35+6 2+1 2+11 m a+9 7+5 2+1 2+v f 8+9 8n+i 5a g+k ' +
    '18+pl 2v+32 i+5f 219+2o g+tq 34i+g6 6nu+fs 8+u 2+9 7+26 2+9 7+t j+1b h+3 d+9 2+6 2+k 6+i j5+2e 2y+22 6 1v+c ' +
    '1t+1 2 t+4qf 9+yd 17+8 6w8+3 2+6 2+1 2+82 1a+2 i+3 9+az 1s5+2y 6+c 4+8 8+9 4ef+j 31+o 3s+2c 2+1y 2+1 3 3+1 ' +
    '3+3 2+b 2 2+6 2+1s 2+3 3+7 2+6 2+r 2+3 2+4 2 4+6 2+9f 3+o 2+o 2+u 2+o 2+u 2+o 2+u 2+o 2+u 2+o 2+7 3+1d 1dt+u ' +
    'de+18 b+6 3+9 5 8y+t j+17 5+9 yv+6 2+3 2+1 2+e 2+5g 3+8 1d+1v 8 5+9 m0+1m 2+2 2+3 25+18 2+e 5f+3 2+q 2+1 2 3 ' +
    '2+9 2+3 2 2 7 5 2 2 2+2 2+1 2 3 2 2 2 2 2+1 2 3+3 2+6 2+3 2+3 2 2+9 2+g 6+2 2+4 2+g g5+c 25g+9 sn+wyn x+37c ' +
    '8+65 3+4g1 f+5rk 2e8+f1 15v+3t6',
);

/** Categories Zs, Zl and Zp, and the control characters that count as white space. */
export const isWhitespace = characterClass('9+4 f+4 2t r 4bk 1vk+a u+1 6 1c 335');

/** Categories C* and Z* but for the ASCII space: what a repr escapes. */
export const isUnprintable = characterClass(
  '0+v 2o+x d jv+1 7+3 8 2 l b2 13+1 1f+1 4 1k+7 s+3 7+g n 5d 1d+1 1o+1 2u+d 1o+1 1e+1 g t+1 2 c+4 w+8 23 4i ' +
    '9+1 3+1 n 8 2+2 5+1 a+1 3+1 5+7 2+3 3 6+1 q+1 4 7+3 3+1 n 8 3 3 3+1 2 6+3 3+1 4+2 2+6 5 2+6 i+9 4 a 4 n 8 3 ' +
    '6+1 b 4 4+1 2+e 5+1 d+6 8 4 9+1 3+1 n 8 3 6+1 a+1 3+1 4+6 4+3 3 6+1 j+9 3 7+2 4 5+2 3 2 3+2 3+2 4+2 d+3 6+2 ' +
    '4 5+1 2+5 2+d m+4 e 4 o h+1 a 4 5+6 3 4+1 2+1 5+1 b+6 n 4 o b 6+1 a 4 5+6 3+5 3 5+1 b 3+c e 4 1g 4 7+3 h+1 r ' +
    '4 j+2 p a 2+1 8+2 2+3 7 2 9+5 b+1 4+b 1n+3 u+10 3 2 6 p 2 o+1 6 2 7+1 b+1 5+v 21 11+3 14 11 g e+10 5j 2+4 ' +
    '2+1 ai 5+1 8 2 5+1 16 5+1 y 5+1 8 2 5+1 g 1m 5+1 1w+1 x+2 r+5 2f+1 7+1 ht t+2 2i+6 n+8 p+8 l+b e 4 3+b 2n+1 ' +
    'b+5 b+5 f c+5 2i+6 18+4 1z+9 w d+3 d+3 2+2 17+1 6+a 19+3 r+5 c+2 1r+1 1u u+1 c+5 b+5 f+1 w+1c 26+2 1c 39+7 ' +
    '1p+2 g+2 1p+6 18+1 c+7 18+4 ev+1 7+1 13+1 7+1 9 2 2 2 w+1 1i g f+1 7 k+1 4 a+g p+7 1c+g 3+1 s e+2 y+e y+e ' +
    '3x+3 ig+o c+k 1ed+1 x 9q+4 1a 2+4 2+1 1l+6 3+d p+8 8 8 8 8 8 8 8 8 3j+x r 2i+b 5z+p d+4 1s 2f+1 2w+4 18 2n ' +
    '2d+b 1c mlq+2 1k+8 9p+j 55+7 5o+4 3 2 6+n 1o+2 b+5 1l+7 1z+7 d+5 39+a v+2 27 c+3 y 1k+8 f+1 b+1 2w+n t+9 7+1 ' +
    '7+1 7+8 8 8 1p+3 3j+1 b+5 8md+b o+3 1e+6ir a7+1 2z+11 8+b 6+4 r 6 2 3 3 3i+f ce+1 1j+6 2+v 17+5 1g k 5+3 6 ' +
    '3s+3 5b+2 7+1 7+1 7+1 4+2 8 8+c 3+1 d r k 3 g+1 f+x 3g+4 4+3 1a+2 2h e+2 2+1a 1b+3l u+2 1e+e t+3 11+8 v+4 ' +
    '18+4 v 12+3 f+15 4f+1 b+5 11+3 11+3 15+7 1h+a d g 8 3 c g 8 3+1u 8o+8 n+9 9+n 7 17 a+1w 7+1 2 19 3+2 2+1 o ' +
    '21+7 a+1b k 3+4 y+2 s+4 2+1r 1l+3 l+1 1f 3+4 9 4 u+1 4+3 b+6 a+6 1t+v 14+3 d+8 1j+2 u+1 s+4 r+6 5+b 8+27 ' +
    '22+1i 1g+c 1g+6 1b+7 b+85 w 17 4+1 3+25 15+7 17+l r+11 t+j o+8 27+3 11+8 1r 6+c q+6 b+5 1i j+7 14+8 2p l+a j ' +
    '19+1s 8 2 5 g c+5 1o+4 b+5 5 9+1 3+1 n 8 3 6 b+1 3+1 4+1 2+5 2+4 8+1 8+2 6+3u 2l 6+t 21+7 b+4l 1j+1 13+x ' +
    '1y+a b+5 e+i 1n+5 b+1h s+1 g+3 o+54 1p+2r 2c+b 9+1 2+1 9 3 v 3+1 d+8 b+1x 9+1 1b+1 c+q 21+7 2c+c 22+7a a 1a ' +
    'f+9 u+2 x+1 n f+20 8 3 19+2 2 3 a+7 b+5 7 3 12 3 7+6 b+8l q+52 2+e 1f+c po+2t 34 6+a 5h+217 2s+c ts+34g ' +
    'g8+6ns fu+6 w b+3 2a b+5 v+1 7+9 1z+9 b 8 m+4 k+j3 2k+2s 24+3 1m+6 i+1r 6+a 3+d 4qh+7 yf+15 a+6w6 5 8 3 ' +
    '84+18 4+g 5+7 b1+1s3 30+4 e+2 a+6 b+1 5+3mn 1b+1 o+8 39+1n 6v+9 14+1 23+7 35+k 1z+49 l+b 2g+8 q+3q 2e 20 3+1 ' +
    '2+1 3+1 5 d 2 8 1u 5+1 9 8 t 5 6 2+2 8 9h+1 85+1 jj+e 6 g+un w+68 8 i+1 8 3 6+5w 1a+2 f+1 b+3 3+8v w+g 1n+4 ' +
    '2+yn 8 5 3 g 5i+1 h+14 25+3 b+3 3+ls 1x+23 1q+5d 5 s 3 2+1 2 b 5 2 2+5 2+3 2 2 2 4 3 2+1 2 2 2 2 2 3 2+1 5 8 ' +
    '5 5 2 b i+4 4 6 i+1f 3+7h 19+3 2t+b g+1 g g 12+9 4v+1j u+c 19+3 a+6 3+d 7+49 rd+4 h+2 e+2 39+b 2i+6 d+3 2+e ' +
    'd+3 1l+7 b+5 15+7 v+1 3+25 9h+b f+1 6+2 6+2 8+8 u+2 c+4 7+9 b+5 9+7 8+8 44 1k+10 b+sl wyp+v 37e+6 67+1 4g3+d ' +
    '5rm+2e6 f3+15t 3t8+fcms 6p+47bj',
);
